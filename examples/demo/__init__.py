"""The demonstration that ``make demo`` starts: a page, two web workers, the reaper, chaisqld on demand."""

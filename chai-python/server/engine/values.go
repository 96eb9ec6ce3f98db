package engine

import (
	"time"

	"chaisqld/pgerr"
)

// Chai panics or silently wraps on timestamps far away, and its index order
// breaks between widths, so only these years go in.
const minYear, maxYear = 2001, 9999

// toChai checks a value and brings it to the form that Chai compares rightly:
// a value of another Go type would be accepted, and match nothing.
func toChai(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, int64, float64, string:
		return v, nil
	case []byte:
		if v == nil {
			return []byte{}, nil
		}
		return v, nil
	case time.Time:
		t := v.UTC().Truncate(time.Microsecond)
		if t.Year() < minYear || t.Year() > maxYear {
			return nil, pgerr.New(pgerr.DatetimeFieldOverflow, "timestamp of the year %d is out of range: %d to %d can be stored", t.Year(), minYear, maxYear)
		}
		return t, nil
	}
	return nil, pgerr.New(pgerr.InternalError, "a value of Go type %T cannot be handed to the database", v)
}

// fromChai gives a value that Chai returned its one Go type.
func fromChai(v any) any {
	switch v := v.(type) {
	case int32:
		return int64(v)
	case time.Time:
		return v.UTC()
	}
	return v
}

"""An SQL shell: `python -m chaisql shell`.

Read in this order: command, terminal, interpreter, describe, statements, table.
"""

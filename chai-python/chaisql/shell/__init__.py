"""An SQL shell: `python -m chaisql shell`.

Read in this order: command, terminal, commands, interpreter, describe, statements, table.
"""

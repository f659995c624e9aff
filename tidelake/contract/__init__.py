"""What every part agrees on: fields, events, lake, settings, errors. Standard library only."""

"""What the project adds to MiniStack, one module a service, each with `install(settings)`."""

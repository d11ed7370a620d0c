"""The steps that rules call, one module each: ``add_arguments(parser)`` and ``run(arguments)``;
`arguments.settings` is a plain mapping."""

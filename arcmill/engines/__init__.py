"""How a stage's core is run. Each engine turns a `Job` into records of finished tasks; a core knows none of them."""

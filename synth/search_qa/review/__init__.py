"""Review by people: the table that they fill in, and the stage that takes it back."""

"""What has it cost, and what will it cost? Metered from facts, kept as a ledger, told to whoever may know."""

"""How the calls of a validation are told from those of guests."""

#: Hotel id of the calls that validations send through a running system; consumers that keep calls can skip it.
VALIDATION_HOTEL = "final-validation"

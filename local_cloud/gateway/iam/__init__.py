"""Authorization: who may do what, decided for every call by the policies that were declared."""

# The checkers of histories, and their histories.
add_subdirectory(check)

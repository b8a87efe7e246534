"""What the command line does, a module per command. Prints for people; judges nothing."""

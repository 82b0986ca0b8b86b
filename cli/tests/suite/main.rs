//! What the command line promises, tried on the program itself.

//! Small worlds and steps for tests.

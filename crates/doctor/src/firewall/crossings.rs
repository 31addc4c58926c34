//! The questions that a host's published ports, needs and listeners raise, and the table of answers.

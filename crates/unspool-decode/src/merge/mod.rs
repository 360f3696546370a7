//! Brings the files of a `strace -ff` set into one order.

//! One connector: the line from source to sink, and the acknowledgement back.

//! The Java boundary: JNI entry points on the same inner functions as the C ones.

//! Caches over stores: the room for near caches and for loading, refreshing and protecting reads. Empty of code so far.

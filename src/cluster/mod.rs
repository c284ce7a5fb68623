//! Members, topologies and owners of the embedded cluster: its room. Empty of code so far.

//! The shape of the data-flow graph: what the analysis `graph` gives and the forms `dot` and `graphml` write.

use crate::ids::Pid;

/// What a node is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum NodeKind {
    /// A process life.
    Process,
    /// A resource of this kind.
    Resource(crate::world::ResourceKind),
}

impl NodeKind {
    /// Name in output: `process`, `file`, `socket`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            // A process behind a pidfd is a resource; its word must not be that of a life.
            Self::Resource(crate::world::ResourceKind::Process) => "pidfd",
            Self::Resource(kind) => kind.name(),
        }
    }
}

/// A node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Program's name, or the resource's. Bytes, as they were read.
    pub name: Vec<u8>,
    /// Of a process: its number.
    pub pid: Option<Pid>,
    /// Of a process: its arguments.
    pub argv: Vec<Vec<u8>>,
}

/// What flows along an edge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EdgeKind {
    /// The process made the other.
    Fork,
    /// The process executed the file.
    Execute,
    /// The process read or received.
    Read,
    /// The process mapped it.
    Map,
    /// The process wrote or sent.
    Write,
    /// The process made it: file, folder, link, new name of a rename.
    Create,
    /// The process removed it, or gave it another name.
    Delete,
    /// The process connected to it.
    Connect,
    /// The process accepted on it.
    Accept,
    /// The process sent the other a signal.
    Signal,
}

impl EdgeKind {
    /// Name in output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::Execute => "execute",
            Self::Read => "read",
            Self::Map => "map",
            Self::Write => "write",
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Connect => "connect",
            Self::Accept => "accept",
            Self::Signal => "signal",
        }
    }
}

/// An edge, in the direction in which data or cause goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Edge {
    /// Place of the node that it leaves.
    pub from: usize,
    /// Place of the node that it enters.
    pub to: usize,
    /// What flows.
    pub kind: EdgeKind,
    /// Calls.
    pub count: u64,
    /// Bytes; 0 where none are moved.
    pub bytes: u64,
}

/// Processes and resources, and what went between them. Two nodes have at most one edge of a kind and direction.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Graph {
    /// Nodes: processes first.
    pub nodes: Vec<Node>,
    /// Edges, sorted.
    pub edges: Vec<Edge>,
}

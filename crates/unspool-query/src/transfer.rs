//! Objects of a bucket, given and taken for `runs push` and `pull`: the parent reads and writes the files, this process the network.

use std::io::Write as _;

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt as _, PutPayload};

use crate::bucket::Bucket;
use crate::protocol::{Object, Problem, Reply, Request};
use crate::serve::{Out, misunderstood};

/// Longest part of an object that is put.
pub(crate) const PART_BYTES_MAX: u64 = 64 << 20;

/// Objects of one listing, at most.
const OBJECTS_MAX: usize = 1_000_000;

/// Objects that are asked for at a time.
const ASKED_AHEAD: usize = 16;

/// Gives and takes objects.
pub(crate) struct Transfer {
    bucket: Bucket,
    /// The object that is being put.
    begun: Option<Begun>,
}

struct Begun {
    path: Path,
    /// Bytes that are still to come.
    left: u64,
    /// Absent for an object that comes in one part.
    upload: Option<Box<dyn MultipartUpload>>,
}

impl Transfer {
    /// For a bucket.
    pub(crate) fn new(bucket: Bucket) -> Self {
        Self {
            bucket,
            begun: None,
        }
    }

    /// Does what is asked.
    pub(crate) async fn answered(
        &mut self,
        request: Request,
        out: &mut Out,
    ) -> Result<Reply, Problem> {
        match request {
            Request::List { prefix } => self.listed(&prefix).await,
            Request::Get { paths } => self.sent(&paths, out).await,
            Request::Put { path, bytes } => {
                let path = parsed(&path)?;
                self.begun = Some(Begun {
                    path,
                    left: bytes,
                    upload: None,
                });
                Ok(Reply::Taken)
            }
            Request::Part { data, .. } => self.taken(data).await,
            Request::Open(_) | Request::Query(_) | Request::Catalog | Request::Cancel => {
                Err(misunderstood("that is no transfer"))
            }
        }
    }

    async fn listed(&self, prefix: &str) -> Result<Reply, Problem> {
        let prefix = parsed(prefix)?;
        let store = self.bucket.store();
        let mut listed = store.list(Some(&prefix));
        let mut objects = Vec::new();
        while let Some(meta) = listed.next().await {
            let meta = meta.map_err(|error| self.bucket.problem(&error))?;
            if objects.len() == OBJECTS_MAX {
                return Err(Problem::new(
                    format!("there are more than {OBJECTS_MAX} objects in `{prefix}`"),
                    "name a host or a day: `s3://BUCKET/LAKE/runs/host=web1/day=2026-11-21`",
                ));
            }
            objects.push(Object {
                path: meta.location.to_string(),
                bytes: meta.size,
            });
        }
        Ok(Reply::Listed { objects })
    }

    async fn sent(&self, paths: &[String], out: &mut Out) -> Result<Reply, Problem> {
        let paths: Vec<Path> = paths
            .iter()
            .map(|path| parsed(path))
            .collect::<Result<_, _>>()?;
        let store = self.bucket.store();
        let asked = futures::stream::iter(paths).map(|path| {
            let store = store.clone();
            async move { store.get(&path).await }
        });
        let mut asked = asked.buffered(ASKED_AHEAD);
        let mut lens = Vec::new();
        let problem = |error: object_store::Error| self.bucket.problem(&error);
        while let Some(got) = asked.next().await {
            let mut len = 0;
            let mut pieces = got.map_err(problem)?.into_stream();
            while let Some(piece) = pieces.try_next().await.map_err(problem)? {
                len += piece.len() as u64;
                out.write_all(&piece)
                    .map_err(|error| misunderstood(&error.to_string()))?;
            }
            lens.push(len);
        }
        Ok(Reply::Sent { lens })
    }

    async fn taken(&mut self, data: Vec<u8>) -> Result<Reply, Problem> {
        let Some(mut begun) = self.begun.take() else {
            return Err(misunderstood("no object was begun"));
        };
        let bucket = &self.bucket;
        let problem = |error: object_store::Error| bucket.problem(&error);
        let len = data.len() as u64;
        let Some(left) = begun.left.checked_sub(len) else {
            return Err(misunderstood("an object is longer than was said"));
        };
        let payload = PutPayload::from(data);
        match (&mut begun.upload, left) {
            (None, 0) => {
                bucket
                    .store()
                    .put(&begun.path, payload)
                    .await
                    .map_err(problem)?;
                return Ok(Reply::Taken);
            }
            (Some(upload), _) => upload.put_part(payload).await.map_err(problem)?,
            (None, _) => {
                let mut upload = bucket
                    .store()
                    .put_multipart(&begun.path)
                    .await
                    .map_err(problem)?;
                upload.put_part(payload).await.map_err(problem)?;
                begun.upload = Some(upload);
            }
        }
        if left > 0 {
            begun.left = left;
            self.begun = Some(begun);
        } else if let Some(upload) = &mut begun.upload {
            upload.complete().await.map_err(problem)?;
        }
        Ok(Reply::Taken)
    }
}

fn parsed(path: &str) -> Result<Path, Problem> {
    Path::parse(path).map_err(|error| Problem {
        message: format!("`{path}` cannot be the name of an object: {error}"),
        ..Problem::default()
    })
}

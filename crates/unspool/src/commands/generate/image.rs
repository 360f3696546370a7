//! Writes a container file, with the archive that it adds beside it.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::Result;
use unspool_generate::dockerfile::{ARCHIVE, Image, ImageOptions, plan, write_tar};
use unspool_generate::{Host, Observed};

use super::args::GenArgs;
use crate::failure::{Failure, status};
use crate::report::{count, eprint_line, print};

/// Name of the container file in its folder.
const CONTAINER_FILE: &str = "Dockerfile";

/// Writes into the folder, or only the container file to standard output.
pub(super) fn write(args: &GenArgs, observed: &Observed, host: &Host) -> Result<u8> {
    let options = ImageOptions {
        from_scratch: args.from_scratch,
        pin: args.pin,
    };
    let image = plan(observed, host, options);
    let Some(folder) = &args.output else {
        print(&image.dockerfile)?;
        if !image.entries.is_empty() {
            eprint_line(&format!(
                "`{ARCHIVE}` with {} files is not written: say where with -o DIR",
                count(image.entries.len() as u64)
            ));
        }
        return Ok(0);
    };
    into_folder(folder, image, host)?;
    Ok(0)
}

/// Writes the container file and its archive into the folder.
pub(crate) fn into_folder(folder: &Path, image: Image, host: &Host) -> Result<()> {
    let cannot = |what: &Path, error: &dyn std::fmt::Display| {
        Failure::new(
            status::WRITE,
            format!("cannot write `{}`: {error}", what.display()),
        )
    };
    std::fs::create_dir_all(folder).map_err(|error| cannot(folder, &error))?;
    let Image {
        mut dockerfile,
        entries,
        packages,
    } = image;
    let archive = folder.join(ARCHIVE);
    if !entries.is_empty() {
        let file = File::create(&archive).map_err(|error| cannot(&archive, &error))?;
        let mut out = BufWriter::new(file);
        let left_out =
            write_tar(&entries, host, &mut out).map_err(|error| cannot(&archive, &error))?;
        out.flush().map_err(|error| cannot(&archive, &error))?;
        for error in left_out {
            dockerfile.push_str(&format!("# left out: {error}\n"));
            eprint_line(&format!("left out: {error}"));
        }
    }
    let path = folder.join(CONTAINER_FILE);
    std::fs::write(&path, dockerfile).map_err(|error| cannot(&path, &error))?;
    eprint_line(&format!(
        "wrote {}: {} packages, {} files, folders and links copied",
        path.display(),
        count(packages.len() as u64),
        count(entries.len() as u64)
    ));
    Ok(())
}

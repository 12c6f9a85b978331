//! Files as entries of a tar archive.
//!
//! *Source*: POSIX.1-2017, `pax`, "ustar Interchange Format".

use crate::Error;

/// Everything in an archive comes in blocks of so many bytes.
const BLOCK: usize = 512;
/// What two empty blocks say: the end.
const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// Returns a file as an entry: header, contents, and what fills the last block.
///
/// # Errors
/// If the name has more than 100 bytes, or the file 8 GiB.
pub(super) fn entry(name: &str, contents: &[u8], modified: u64) -> Result<Vec<u8>, Error> {
    let padding = contents.len().next_multiple_of(BLOCK) - contents.len();
    let mut entry = Vec::with_capacity(BLOCK + contents.len() + padding);
    entry.extend_from_slice(&header(name, contents.len() as u64, modified)?);
    entry.extend_from_slice(contents);
    entry.resize(entry.len() + padding, 0);
    Ok(entry)
}

/// Returns what ends an archive.
pub(super) fn end() -> Vec<u8> {
    END.to_vec()
}

fn header(name: &str, size: u64, modified: u64) -> Result<[u8; BLOCK], Error> {
    let mut header = [0; BLOCK];
    let size = octal::<12>(size)?;
    let modified = octal::<12>(modified)?;
    for (at, field) in [
        (0, name.as_bytes()),
        (100, b"0000600\0"),
        (108, b"0000000\0"),
        (116, b"0000000\0"),
        (124, &size),
        (136, &modified),
        // The checksum counts its own field as spaces.
        (148, b"        "),
        (156, b"0"),
        (257, b"ustar\x0000"),
    ] {
        let place = header.get_mut(at..at + field.len());
        place
            .filter(|_| at > 0 || field.len() <= 100)
            .ok_or(Error::Fault("a name is too long for an archive"))?
            .copy_from_slice(field);
    }
    let sum = header.iter().map(|byte| u64::from(*byte)).sum();
    header[148..155].copy_from_slice(&octal::<7>(sum)?);
    Ok(header)
}

/// Writes a number as octal digits with a zero byte behind them.
fn octal<const N: usize>(number: u64) -> Result<[u8; N], Error> {
    let digits = format!("{number:0width$o}\0", width = N - 1);
    let fits = digits.into_bytes().try_into();
    fits.map_err(|_| Error::Fault("a number is too large for an archive"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_header_and_whole_blocks() {
        for (contents, blocks) in [(0, 1), (1, 2), (512, 2), (513, 3)] {
            let entry = entry("units.0001.copy", &vec![b'x'; contents], 0).unwrap();
            assert_eq!(entry.len(), blocks * BLOCK, "{contents}");
        }
        assert_eq!(end(), vec![0; 1024]);
    }

    #[test]
    fn a_header_has_the_fields_of_the_format() {
        let header = header("units.0001.copy", 513, 0o1234).unwrap();
        assert_eq!(&header[..16], b"units.0001.copy\0");
        assert_eq!(&header[124..136], b"00000001001\0");
        assert_eq!(&header[136..148], b"00000001234\0");
        assert_eq!(&header[257..265], b"ustar\x0000");
        let mut blank = header;
        blank[148..156].fill(b' ');
        let sum: u32 = blank.iter().map(|byte| u32::from(*byte)).sum();
        assert_eq!(&header[148..156], format!("{sum:06o}\0 ").as_bytes());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(header(&"x".repeat(100), 0, 0).is_ok());
        assert!(header(&"x".repeat(101), 0, 0).is_err());
        assert!(header("x", 0o100_000_000_000, 0).is_err());
    }
}

//! The layout of the file: which tables, which version, and how an older one becomes the present.
//!
//! | version | rows |
//! | --- | --- |
//! | 1 | deadlines by wall time only; one server address, no T1 and T2, one hardware address |
//! | 2 | as `row` has it |

use redb::{ReadableTable as _, TableDefinition, TableError, WriteTransaction};

/// The version that is written.
pub(super) const SCHEMA: u64 = 2;
/// `schema` → version.
pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// Rows, of any version.
pub(super) const LEASES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("leases");
/// Key of the version in [`META`].
pub(super) const VERSION: &str = "schema";

/// The version of a file; 0 for one without tables.
pub(super) fn version(transaction: &redb::ReadTransaction) -> Result<u64, redb::Error> {
    let meta = match transaction.open_table(META) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(0),
        other => other?,
    };
    Ok(meta.get(VERSION)?.map_or(0, |version| version.value()))
}

/// Makes the present layout of what version `from` left.
pub(super) fn migrate(transaction: &WriteTransaction, from: u64) -> Result<(), redb::Error> {
    let mut leases = transaction.open_table(LEASES)?;
    if from == 1 {
        let mut rows = Vec::new();
        for entry in leases.iter()? {
            let (key, value) = entry?;
            rows.push((key.value().to_vec(), from_1(value.value())));
        }
        for (key, value) in rows {
            match value {
                Some(value) => leases.insert(&key[..], &value[..])?,
                None => leases.remove(&key[..])?,
            };
        }
    }
    transaction.open_table(META)?.insert(VERSION, SCHEMA)?;
    Ok(())
}

/// A value of version 1: end by wall time in seconds (8), address (4), server (4), lease time (4), hlen (1), chaddr (16),
/// on link (1). It is given the boot identifier of no boot, so that wall time counts.
fn from_1(value: &[u8]) -> Option<Vec<u8>> {
    let value: &[u8; 38] = value.try_into().ok()?;
    let wall = u64::from_le_bytes(*value.first_chunk()?).checked_mul(1000)?;
    let (address, server, seconds, hardware) =
        (&value[8..12], &value[12..16], &value[16..20], &value[20..37]);
    let mut octets = Vec::new();
    octets.extend_from_slice(&wall.to_le_bytes());
    octets.extend_from_slice(&[0; 8 + 8 + 16]);
    for part in [address, server, server, seconds, &[0; 8], hardware, hardware, &value[37..]] {
        octets.extend_from_slice(part);
    }
    Some(octets)
}

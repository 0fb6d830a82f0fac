//! Unpacks the DHCP clients and servers that tests start, for those who run tests where nothing can be downloaded.

fn main() -> anyhow::Result<()> {
    relay_tests::peers::install::peers().map(drop)
}

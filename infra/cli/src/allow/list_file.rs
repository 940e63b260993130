//! The CSV file of `jitr allow add --file`.

use std::collections::HashMap;
use std::fmt;

use csv::{ReaderBuilder, StringRecord, Trim};
use shared::id::ThingName;

use crate::numbers::{self, Base};
use crate::store::Key;

/// One line of the file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// By what the certificate is recognised.
    pub key: Key,
    /// For a serial number: the only thing name that it is good for.
    pub thing_name: Option<ThingName>,
}

/// What is wrong with a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LineFault {
    /// Counted from 1, the header included.
    pub line: u64,
    /// The column, if one field is at fault.
    pub field: Option<&'static str>,
    /// In words.
    pub problem: String,
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            Some(field) => write!(f, "line {}, {field}: {}", self.line, self.problem),
            None => write!(f, "line {}: {}", self.line, self.problem),
        }
    }
}

/// Reads the whole file. A base counts for serial numbers that could be decimal or hexadecimal.
///
/// # Errors
/// Every fault of every line.
pub fn parse(text: &str, base: Option<Base>) -> Result<Vec<Entry>, Vec<LineFault>> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).flexible(true).from_reader(text.as_bytes());
    let columns = Columns::read(reader.headers().map_err(|fault| vec![unreadable(&fault)])?)?;
    let mut lines = Lines { base, ..Lines::default() };
    for record in reader.records() {
        match record {
            Ok(record) => lines.take(&record, &columns),
            Err(fault) => lines.faults.push(unreadable(&fault)),
        }
    }
    if lines.faults.is_empty() && lines.entries.is_empty() {
        lines.faults.push(LineFault { line: 1, field: None, problem: "the file has no entries".to_owned() });
    }
    if lines.faults.is_empty() { Ok(lines.entries) } else { Err(lines.faults) }
}

/// Where the two columns are.
struct Columns {
    count: usize,
    name: Option<usize>,
    serial: Option<usize>,
}

impl Columns {
    fn read(header: &StringRecord) -> Result<Self, Vec<LineFault>> {
        let mut columns = Self { count: header.len(), name: None, serial: None };
        let mut faults = Vec::new();
        for (index, title) in header.iter().enumerate() {
            let column = match title {
                NAME => &mut columns.name,
                SERIAL => &mut columns.serial,
                other => {
                    let problem = format!("unknown column {other:?}, the header is {SERIAL},{NAME} or one of them");
                    faults.push(LineFault { line: 1, field: None, problem });
                    continue;
                }
            };
            if column.replace(index).is_some() {
                faults.push(LineFault { line: 1, field: None, problem: format!("column {title} occurs twice") });
            }
        }
        if faults.is_empty() { Ok(columns) } else { Err(faults) }
    }
}

#[derive(Default)]
struct Lines {
    base: Option<Base>,
    entries: Vec<Entry>,
    faults: Vec<LineFault>,
    seen: HashMap<Key, u64>,
}

impl Lines {
    fn take(&mut self, record: &StringRecord, columns: &Columns) {
        let line = record.position().map_or(0, csv::Position::line);
        let fault = |field, problem: String| LineFault { line, field, problem };
        if record.len() > columns.count {
            let problem = format!("{} fields, the header has {}", record.len(), columns.count);
            self.faults.push(fault(None, problem));
            return;
        }
        let field = |column: Option<usize>| column.and_then(|index| record.get(index)).filter(|text| !text.is_empty());
        let serial = field(columns.serial).map(|text| numbers::serial_in(text, self.base)).transpose();
        let name = field(columns.name).map(str::parse).transpose();
        let entry = match (serial, name) {
            (Ok(Some(serial)), Ok(thing_name)) => Entry { key: Key::Serial(serial), thing_name },
            (Ok(None), Ok(Some(name))) => Entry { key: Key::Name(name), thing_name: None },
            (Ok(None), Ok(None)) => {
                self.faults.push(fault(None, "neither serial nor name".to_owned()));
                return;
            }
            (serial, name) => {
                self.faults.extend(serial.err().map(|error| fault(Some(SERIAL), error.to_string())));
                self.faults.extend(name.err().map(|error| fault(Some(NAME), error.to_string())));
                return;
            }
        };
        if let Some(first) = self.seen.insert(entry.key.clone(), line) {
            self.faults.push(fault(None, format!("{} occurs in line {first} already", entry.key)));
        }
        self.entries.push(entry);
    }
}

fn unreadable(fault: &csv::Error) -> LineFault {
    LineFault { line: fault.position().map_or(0, csv::Position::line), field: None, problem: fault.to_string() }
}

const NAME: &str = "name";
const SERIAL: &str = "serial";

#[cfg(test)]
mod tests {
    use super::*;

    fn serial(text: &str, name: Option<&str>) -> Entry {
        Entry { key: Key::Serial(text.parse().unwrap()), thing_name: name.map(|name| name.parse().unwrap()) }
    }

    fn name(text: &str) -> Entry {
        Entry { key: Key::Name(text.parse().unwrap()), thing_name: None }
    }

    #[test]
    fn either_column_may_be_missing_or_empty() {
        let both = "serial,name\n0A:1B,pump-17\n0x2c,\n,pump-18\n\n 3D , pump-19 \n4e\n";
        let entries = parse(both, None).unwrap();
        let expected = [
            serial("a1b", Some("pump-17")),
            serial("2c", None),
            name("pump-18"),
            serial("3d", Some("pump-19")),
            serial("4e", None),
        ];
        assert_eq!(entries, expected);
        assert_eq!(parse("serial\na1\n", None).unwrap(), [serial("a1", None)]);
        assert_eq!(parse("name\r\npump-1\r\n", None).unwrap(), [name("pump-1")]);
        assert_eq!(parse("name,serial\npump-1,a1", None).unwrap(), [serial("a1", Some("pump-1"))]);
    }

    #[test]
    fn every_bad_line_is_reported_with_its_number_and_field() {
        let faults = parse("serial,name\nxyz,a b\na1,pump-1\n,\n00A1,pump-2\na2,b,c\n", None).unwrap_err();
        let shown: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), 5, "{shown:#?}");
        assert!(shown[0].starts_with("line 2, serial: "), "{shown:#?}");
        assert!(shown[1].starts_with("line 2, name: "), "{shown:#?}");
        assert_eq!(shown[2], "line 4: neither serial nor name");
        assert_eq!(shown[3], "line 5: serial 0xa1 occurs in line 3 already");
        assert_eq!(shown[4], "line 6: 3 fields, the header has 2");
    }

    #[test]
    fn serial_numbers_that_could_be_either_need_a_base() {
        let text = "serial\n4096\n0x1f\n";
        let faults = parse(text, None).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].to_string().starts_with("line 2, serial: it may be decimal or hexadecimal"), "{faults:?}");
        assert_eq!(parse(text, Some(Base::Hex)).unwrap(), [serial("4096", None), serial("1f", None)]);
        assert_eq!(parse(text, Some(Base::Decimal)).unwrap(), [serial("1000", None), serial("1f", None)]);
    }

    #[test]
    fn a_file_without_header_or_entries_is_refused() {
        for text in ["", "serial,name\n", "a1,pump-1\n", "serial,serial\na1,a2\n", "serial;name\na1;pump-1\n"] {
            assert!(parse(text, None).is_err(), "{text:?}");
        }
    }
}

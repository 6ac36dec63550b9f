//! Tables as text.

/// Records, all of one length, as CSV: fields that hold a separator, a quote or a line's end are quoted (RFC 4180).
///
/// A spreadsheet takes a field that begins with `=`, `+`, `-` or `@` for a formula and runs it; unless it is a number it
/// gets an apostrophe in front, which spreadsheets do not show (OWASP, CSV injection).
pub fn csv_text(records: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for record in records {
        writer.write_record(record.into_iter().map(harmless)).expect("memory takes every record of one length");
    }
    let bytes = writer.into_inner().expect("memory takes what is left in the writer");
    String::from_utf8(bytes).expect("fields are texts")
}

fn harmless(field: String) -> String {
    let is_formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']) && field.parse::<f64>().is_err();
    if is_formula { format!("'{field}") } else { field }
}

#[cfg(test)]
mod tests {
    use super::csv_text;

    #[test]
    fn text_is_no_formula_and_numbers_stay() {
        let record = ["=1+1", "+x", "-x", "@sum", "-1e-3", "+2", "-inf", "a=b", "", "\t=1", "-", "1,\"2"];
        assert_eq!(
            csv_text([record.map(String::from).to_vec()]),
            "'=1+1,'+x,'-x,'@sum,-1e-3,+2,-inf,a=b,,'\t=1,'-,\"1,\"\"2\"\n"
        );
    }
}

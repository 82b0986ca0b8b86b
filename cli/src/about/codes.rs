//! `about codes`: what return and reason codes mean.

use clap::Args;
use icsf_core::codes::{Row, TABLE, rows_for};
use icsf_saf::codes::{Row as SafRow, TABLE as SAF_TABLE};
use serde_json::{Value, json};

use crate::context::{Context, Outcome};
use crate::failure::Failure;
use crate::output::Output;

/// Tell what return and reason codes mean: all, or those asked for
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  softicsf about codes
  softicsf about codes 8/10012
  softicsf about codes 08/271C
  softicsf about codes 8/16/28

One pair stands for several situations: all of them are shown. Two digits and
four, as session managers print them, are hexadecimal.")]
pub(crate) struct Codes {
    /// ICSF return and reason code, decimal or hexadecimal; or the three of SAF
    #[arg(value_name = "RC/REASON")]
    codes: Option<String>,
    /// The whole table as Markdown (docs/codes.md)
    #[arg(long, conflicts_with = "codes")]
    markdown: bool,
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Pair(u8, u32),
    Triple(u32, u32, u32),
}

fn number(text: &str, radix: u32) -> Option<u32> {
    // Digits only: a sign would be read too.
    text.chars().all(|c| c.is_digit(radix)).then(|| u32::from_str_radix(text, radix).ok()).flatten()
}

/// The codes a text can mean, the likelier first.
fn read(text: &str) -> Vec<Asked> {
    let parts: Vec<&str> = text.split('/').map(str::trim).collect();
    match parts.as_slice() {
        [rc, reason] => {
            let pair = |radix| {
                let rc = u8::try_from(number(rc, radix)?).ok()?;
                Some(Asked::Pair(rc, number(reason, radix)?))
            };
            let looks_hex = rc.len() == 2 && reason.len() == 4;
            let readings = if looks_hex { [pair(16), pair(10)] } else { [pair(10), pair(16)] };
            readings.into_iter().flatten().collect()
        }
        [saf, racf, reason] => {
            let decimal = |text| number(text, 10);
            let triple = decimal(saf).zip(decimal(racf)).zip(decimal(reason));
            triple.map(|((saf, racf), reason)| Asked::Triple(saf, racf, reason)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn find(text: &str) -> Result<(Vec<&'static Row>, Vec<&'static SafRow>), Failure> {
    let readings = read(text);
    if readings.is_empty() {
        return Err(Failure::usage(format!("{text:?} is no pair of codes"))
            .next("write 8/10012, 08/271C, or the three of SAF: 8/16/28"));
    }
    for asked in readings {
        let (icsf, saf): (Vec<&Row>, Vec<&SafRow>) = match asked {
            Asked::Pair(rc, reason) => (rows_for(rc, reason).collect(), Vec::new()),
            Asked::Triple(saf, racf, reason) => {
                let fits = |row: &&SafRow| (row.triple.saf, row.triple.racf, row.triple.reason) == (saf, racf, reason);
                (Vec::new(), SAF_TABLE.iter().filter(fits).collect())
            }
        };
        if !icsf.is_empty() || !saf.is_empty() {
            return Ok((icsf, saf));
        }
    }
    Err(Failure::new(1, format!("the codes {text} are not in the table"))
        .next("softicsf about codes shows all there are"))
}

impl Codes {
    pub(crate) fn run(&self, context: &mut Context) -> Outcome {
        let out = &mut context.out;
        if self.markdown {
            if out.is_json() {
                return Err(Failure::usage("--markdown and --json exclude each other"));
            }
            for line in markdown().lines() {
                out.line(line)?;
            }
            return Ok(0);
        }
        let (icsf, saf) = match &self.codes {
            Some(text) => find(text)?,
            None => (TABLE.iter().collect(), SAF_TABLE.iter().collect()),
        };
        if out.is_json() {
            let icsf: Vec<Value> = icsf.iter().map(|row| icsf_json(row)).collect();
            let saf: Vec<Value> = saf.iter().map(|row| saf_json(row)).collect();
            out.json(&json!({ "icsf": icsf, "saf": saf }))?;
            return Ok(0);
        }
        let with_sources = self.codes.is_some();
        if !icsf.is_empty() {
            icsf_page(out, &icsf, with_sources)?;
        }
        if !icsf.is_empty() && !saf.is_empty() {
            out.line("")?;
        }
        if !saf.is_empty() {
            saf_page(out, &saf, with_sources)?;
        }
        Ok(0)
    }
}

fn icsf_page(out: &mut Output, rows: &[&Row], with_sources: bool) -> Result<(), Failure> {
    out.line("RC   ICSF           TSS            WHAT HAPPENED")?;
    let shown = |number: Option<u32>| number.map_or_else(|| "-".to_owned(), |n| format!("{n} X'{n:04X}'"));
    for row in rows {
        let label = format!("{:<3}  {:<13}  {:<13}  ", row.rc, shown(row.icsf), shown(row.tss));
        out.entry(&label, row.text)?;
        if with_sources {
            out.entry(&format!("{:35}", ""), &row.provenance.to_string())?;
        }
    }
    Ok(())
}

fn saf_page(out: &mut Output, rows: &[&SafRow], with_sources: bool) -> Result<(), Failure> {
    out.line("SAF/RACF/REASON  WHAT HAPPENED")?;
    for row in rows {
        out.entry(&format!("{:<15}  ", row.triple.to_string()), row.text)?;
        if with_sources {
            out.entry(&format!("{:17}", ""), &row.provenance.to_string())?;
        }
    }
    Ok(())
}

fn icsf_json(row: &Row) -> Value {
    json!({
        "name": format!("{:?}", row.code),
        "return_code": row.rc,
        "reason_icsf": row.icsf,
        "reason_tss": row.tss,
        "text": row.text,
        "provenance": row.provenance.to_string(),
    })
}

fn saf_json(row: &SafRow) -> Value {
    json!({
        "name": format!("{:?}", row.code),
        "saf": row.triple.saf,
        "racf": row.triple.racf,
        "reason": row.triple.reason,
        "text": row.text,
        "provenance": row.provenance.to_string(),
    })
}

/// The page `docs/codes.md`.
fn markdown() -> String {
    let mut page = icsf_core::codes::markdown();
    page += "\n## SAF return code, RACF return and reason code\n\n\
             What the PassTicket and sign-on services answer, from `saf/src/codes.rs`. No caller can tell the rows of one \
             triple apart.\n\n\
             | SAF | RACF | reason | what happened | name | source |\n|---|---|---|---|---|---|\n";
    for row in SAF_TABLE {
        let triple = row.triple;
        page += &format!(
            "| {} | {} | {} | {} | {:?} | {} |\n",
            triple.saf,
            triple.racf,
            triple.shown_reason(),
            row.text,
            row.code,
            row.provenance
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_they_are_written_by_people_and_by_session_managers() {
        assert_eq!(read("8/10012"), [Asked::Pair(8, 10012), Asked::Pair(8, 0x10012)]);
        assert_eq!(read("08/271C"), [Asked::Pair(8, 10012)]);
        assert_eq!(read("08/2714"), [Asked::Pair(8, 10004), Asked::Pair(8, 2714)]);
        assert_eq!(read("0C/0000"), [Asked::Pair(12, 0)]);
        assert_eq!(read("8/16/28"), [Asked::Triple(8, 16, 28)]);
        for text in ["", "8", "8/", "a/b/c", "-8/1", "8/+1", "1/2/3/4", "8/99999999999"] {
            assert!(read(text).is_empty() || text == "8/", "{text}");
        }
    }
}

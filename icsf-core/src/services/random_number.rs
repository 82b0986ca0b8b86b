//! CSNBRNGL: random numbers.

use super::{Done, rules};
use crate::codes::Code;
use crate::engine::EngineState;
use crate::error::{Error, Result};
use crate::icsf::Icsf;

const PARITY: &[&str] = &["RANDOM", "ODD", "EVEN"];
const MOST: usize = 8192;

impl Icsf {
    /// CSNBRNGL: `length` random bytes, 1 to 8192. Rule: `RANDOM`, or each byte of `ODD` or `EVEN` parity. They come from
    /// the engine, or from the host where there is none.
    ///
    /// Source: ICSF Application Programmer's Guide, Random Number Generate Long; ICSF System Programmer's Guide lists it
    /// among the services that need no coprocessor.
    ///
    /// # Errors
    /// [`Code::LengthNotValid`]; rule-array codes; [`Code::IcsfStopped`]; [`Code::EngineUnavailable`] when the engine fails
    /// meanwhile.
    pub fn csnbrngl(&self, rules: &[&str], length: usize) -> Result<Done<Vec<u8>>> {
        self.service("CSNBRNGL", |view| {
            let [parity] = rules::read(rules, 1..=1, [PARITY])?;
            if !(1..=MOST).contains(&length) {
                return Err(Error::new(
                    Code::LengthNotValid,
                    format!("{length} random bytes, 1 to {MOST} are allowed"),
                ));
            }
            let mut bytes = vec![0; length];
            if view.engine.state == EngineState::Online {
                self.backend.random(&mut bytes).map_err(|e| view.engine.named(e.into()))?;
            } else {
                let failed =
                    |e: crate::random::NoRandom| Error::new(Code::InternalFailure, e.to_string()).with_source(e);
                self.random.fill(&mut bytes).map_err(failed)?;
            }
            let wanted = match rules::required(parity, PARITY)? {
                "ODD" => Some(1),
                "EVEN" => Some(0),
                _ => None,
            };
            for byte in bytes.iter_mut().filter(|byte| wanted.is_some_and(|w| byte.count_ones() % 2 != w)) {
                *byte ^= 1;
            }
            Ok(Done::success(bytes))
        })
    }
}

//! The engines of softicsf, and the stand-ins that make their failures visible.
//!
//! The idea: whoever uses an engine sees only [`icsf_core::backend::Backend`]. What can happen to a crypto card (it is
//! not there, it is pulled, it fails now and then, it holds another master key) is a decorator around an engine and
//! never a switch inside one.
//!
//! | module | what it is |
//! |---|---|
//! | [`software`] | an engine in this process, its master keys in memory or in a sealed file |
//! | `pkcs11` (feature of this name, on by default) | a PKCS#11 token: SoftHSM, or a real card |
//! | [`absent`] | no engine at all |
//! | [`slot`] | the place a card sits in: cards are inserted and pulled while callers go on calling |
//! | [`faulty`] | fails by a plan, and always the same way for the same plan |
//! | [`metered`] | counts what an engine is asked |
//! | [`conformance`] | holds any engine against the contract, for authors of further ones |

pub mod absent;
pub mod conformance;
pub mod faulty;
mod generations;
mod master_key;
pub mod metered;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
mod place;
mod scrub;
pub mod slot;
pub mod software;

pub use absent::Absent;
pub use faulty::Faulty;
pub use metered::Metered;
#[cfg(feature = "pkcs11")]
pub use pkcs11::Pkcs11;
pub use slot::Slot;
pub use software::Software;

//! Rows of Kerberos principals and policies, put and taken away as they are: whoever does so sees to the keys in the CKDS.

use icsf_core::store::StoreError;

use super::{Database, Edit};
use crate::model::{PasswordPolicy, Principal, PrincipalName};

impl Database {
    /// Puts the row of a principal, in the place of the one there is.
    ///
    /// # Errors
    /// What the store says.
    pub fn put_principal(&self, principal: &Principal) -> Result<(), StoreError> {
        self.change(|_| Ok(vec![Edit::PutPrincipal(Box::new(principal.clone()))]))
    }

    /// Takes the row of a principal away, if there is one.
    ///
    /// # Errors
    /// What the store says.
    pub fn delete_principal(&self, name: &PrincipalName) -> Result<(), StoreError> {
        self.change(|view| {
            let there = view.principal_written_by(name).is_some();
            Ok(there.then(|| Edit::DeletePrincipal(name.clone())).into_iter().collect())
        })
    }

    /// Puts a policy, in the place of the one of its name.
    ///
    /// # Errors
    /// What the store says.
    pub fn put_policy(&self, policy: &PasswordPolicy) -> Result<(), StoreError> {
        self.change(|_| Ok(vec![Edit::PutPolicy(policy.clone())]))
    }

    /// Takes a policy away, if there is one of this name.
    ///
    /// # Errors
    /// What the store says.
    pub fn delete_policy(&self, name: &str) -> Result<(), StoreError> {
        self.change(|view| {
            let there = view.policy_written_by(name).is_some();
            Ok(there.then(|| Edit::DeletePolicy(name.to_owned())).into_iter().collect())
        })
    }
}

//! What the KDC answers.

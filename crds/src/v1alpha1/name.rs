//! What names look like. Clients do not escape names in URLs: one that is more than a name leads to another object.

/// A DNS label as RFC 1123 has it: names of namespaces and containers.
pub const DNS_LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// A DNS subdomain as RFC 1123 has it: names of most objects.
pub const DNS_SUBDOMAIN: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// A UID: the API server makes UUIDs, a kubelet hexadecimal hashes for static pods.
pub const UID: &str = "^[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?$";

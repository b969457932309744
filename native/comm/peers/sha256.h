#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace scmoe::comm {

using Digest = std::array<uint8_t, 32>;

/// SHA-256 (FIPS 180-4). Ours, so that an addon needs no library for three short messages a connection.
Digest sha256(const std::string& bytes);

/// HMAC-SHA-256 (RFC 2104).
Digest hmacSha256(const std::string& key, const std::string& message);

/// Takes the same time wherever the two differ.
bool isSameDigest(const Digest& a, const Digest& b);

}  // namespace scmoe::comm

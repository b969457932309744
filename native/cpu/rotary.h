#pragma once
#include <cstdint>

namespace scmoe {

enum class RopeStyle { kNone, kHalf, kInterleaved };

/// Cosines and sines of position * theta^(-2i/D), (positions, D/2) each.
struct RotaryTable {
  const float* cos;
  const float* sin;
};

/// Kept by the calling thread for the next call and extended when more positions are asked for.
RotaryTable rotaryTable(int64_t positions, int64_t size, double theta);

/// y = factor * x (size), each pair of components turned by the angle of row `position`, backwards where `inverse`.
/// A plain scaled copy for RopeStyle::kNone.
void rotate(RopeStyle style, const RotaryTable& table, int64_t position, bool inverse, float factor, const float* x,
            int64_t size, float* y);

}  // namespace scmoe

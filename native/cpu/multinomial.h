#pragma once
#include <cstdint>
#include <string>

namespace scmoe {

/// Sizes of rows of events, and how many of each row are drawn.
struct Draws {
  int64_t rows, columns, samples;
};

/// Writes (rows, samples) events, drawn as `tf.multinomial` of TF.js's backend cpu draws them: by the numbers of its
/// generator for this seed, which are the same for every row.
///
/// @param x (rows, columns) probabilities, or logarithms of what is proportional to them
void multinomial(const Draws& draws, bool areProbabilities, const std::string& seed, const float* x, int32_t* out);

}  // namespace scmoe

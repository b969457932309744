#pragma once
#include <cstdint>

namespace scmoe {

/// Which of overlapping boxes are kept.
struct Suppression {
  int64_t count;  // boxes that there are
  int64_t most;   // that are kept
  /// A box that overlaps a better one by this part of what both cover is left out.
  double iouThreshold;
  /// Scores up to this are not looked at.
  double scoreThreshold;
  /// Above 0 the score of a box that overlaps a better one falls by exp(-iou^2 / (2 sigma)).
  double softSigma;
};

/// Writes the boxes that are kept, best first, and their scores, each (most); the one with the smaller index first
/// where scores are equal. Boxes are (count, 4): two opposite corners. Every comparison is the one that TF.js makes in
/// JavaScript.
///
/// @returns how many are kept
int64_t suppressBoxes(const Suppression& suppression, const float* boxes, const float* scores, int32_t* kept,
                      float* keptScores);

}  // namespace scmoe

#include "cpu/non_max_suppression.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

// Compiled without multiply-adds: an overlap that is just the threshold is so on every machine, as in JavaScript.
namespace scmoe {

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Box {
  double top, left, bottom, right, area;

  explicit Box(const float* corners)
      : top(lower(corners[0], corners[2])),
        left(lower(corners[1], corners[3])),
        bottom(upper(corners[0], corners[2])),
        right(upper(corners[1], corners[3])),
        area((bottom - top) * (right - left)) {}

  /// Math.min and Math.max: NaN where either is.
  static double lower(float a, float b) { return a != a || b != b ? kNan : std::min(a, b); }
  static double upper(float a, float b) { return a != a || b != b ? kNan : std::max(a, b); }

  /// The part of what both cover that both share; 0 for a box without an area.
  double overlap(const Box& other) const {
    if (area <= 0 || other.area <= 0) return 0;
    // A corner that is no number makes an area that is none.
    if (area != area || other.area != other.area) return kNan;
    const double height = std::max(std::min(bottom, other.bottom) - std::max(top, other.top), 0.0);
    const double width = std::max(std::min(right, other.right) - std::max(left, other.left), 0.0);
    const double shared = height * width;
    return shared / (area + other.area - shared);
  }
};

struct Candidate {
  double score;
  int32_t box;
  /// Kept boxes before this one have had their say.
  int64_t seen;
};

/// The best is the last.
bool isWorse(const Candidate& a, const Candidate& b) {
  return a.score < b.score || (a.score == b.score && a.box > b.box);
}

}  // namespace

int64_t suppressBoxes(const Suppression& suppression, const float* boxes, const float* scores, int32_t* kept,
                      float* keptScores) {
  const auto& [count, most, iouThreshold, scoreThreshold, softSigma] = suppression;
  std::vector<Candidate> candidates;
  for (int64_t i = 0; i < count; ++i)
    if (scores[i] > scoreThreshold) candidates.push_back({scores[i], static_cast<int32_t>(i), 0});
  std::sort(candidates.begin(), candidates.end(), isWorse);

  const double scale = softSigma > 0 ? -0.5 / softSigma : 0;
  std::vector<Box> keptBoxes;
  int64_t found = 0;
  while (found < most && !candidates.empty()) {
    Candidate candidate = candidates.back();
    candidates.pop_back();
    const double before = candidate.score;
    const Box box(boxes + 4 * static_cast<int64_t>(candidate.box));
    bool isLeftOut = false;
    // Backwards, for boxes of like scores are near each other.
    for (int64_t i = found - 1; i >= candidate.seen && !isLeftOut; --i) {
      const double iou = box.overlap(keptBoxes[i]);
      isLeftOut = iou >= iouThreshold;
      if (isLeftOut) break;
      candidate.score *= iou <= iouThreshold ? std::exp(scale * iou * iou) : 0;
      if (candidate.score <= scoreThreshold) break;
    }
    if (isLeftOut) continue;
    candidate.seen = found;
    if (candidate.score == before) {
      kept[found] = candidate.box;
      keptScores[found++] = static_cast<float>(candidate.score);
      keptBoxes.push_back(box);
    } else if (candidate.score > scoreThreshold) {
      candidates.insert(std::lower_bound(candidates.begin(), candidates.end(), candidate, isWorse), candidate);
    }
  }
  return found;
}

}  // namespace scmoe

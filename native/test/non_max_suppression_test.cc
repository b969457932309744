#include "cpu/non_max_suppression.h"

#include <cmath>
#include <limits>
#include <vector>

#include "test/check.h"

using namespace scmoe;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<int32_t> kept(const std::vector<float>& boxes, const std::vector<float>& scores, int64_t most, double iou,
                          double softSigma = 0) {
  const auto count = static_cast<int64_t>(scores.size());
  std::vector<int32_t> indices(most);
  std::vector<float> keptScores(most);
  const Suppression suppression{count, most, iou, 0, softSigma};
  indices.resize(suppressBoxes(suppression, boxes.data(), scores.data(), indices.data(), keptScores.data()));
  return indices;
}

}  // namespace

TEST(keeps_the_best_of_boxes_that_overlap_and_the_smaller_index_of_equals) {
  const std::vector<float> boxes = {0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 0, 0, 1, 0.5};
  CHECK(kept(boxes, {0.5, 0.5, 0.4f, 0.3f}, 4, 0.6) == (std::vector<int32_t>{0, 2, 3}));
  // The overlap of half a box with the whole is the threshold itself: left out.
  CHECK(kept(boxes, {0.5, 0.5, 0.4f, 0.3f}, 4, 0.5) == (std::vector<int32_t>{0, 2}));
  CHECK(kept(boxes, {0.5, 0.6f, 0.4f, 0.3f}, 1, 0.5) == std::vector<int32_t>{1});
}

TEST(takes_corners_in_any_order_and_boxes_without_an_area_or_an_end) {
  const std::vector<float> boxes = {1,   1,   0,          0, 0,         0, 1,   1, 0.5, 0.5,
                                    0.5, 0.5, -kInfinity, 0, kInfinity, 1, NAN, 0, 1,   1};
  CHECK(kept(boxes, {0.9f, 0.8f, 0.7f, 0.6f, 0.5f}, 5, 0.5) == (std::vector<int32_t>{0, 2, 3}));
  CHECK(kept(boxes, {NAN, 0, -1, NAN, NAN}, 5, 0.5).empty());
}

TEST(lowers_scores_of_boxes_that_overlap_instead) {
  const std::vector<float> boxes = {0, 0, 1, 1, 0, 0, 1, 0.9f, 2, 2, 3, 3};
  CHECK(kept(boxes, {0.9f, 0.8f, 0.3f}, 3, 1, 0.3) == (std::vector<int32_t>{0, 2, 1}));
}

TEST(has_nothing_to_keep_of_no_boxes_or_where_none_may_be) {
  CHECK(kept({}, {}, 0, 0.5).empty());
  CHECK(kept({0, 0, 1, 1}, {1}, 0, 0.5).empty());
}

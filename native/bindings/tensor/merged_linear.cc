#include "cpu/merged_linear.h"

#include <string>

#include "signatures/tensor/merged_linear.h"

using namespace scmoe;

namespace {

/// Expects `rows` times the width of its layer of each array of a list.
template <typename Arguments, typename List>
void expectRows(const Call& call, const char* name, const Arguments& args, int64_t rows, const List& list) {
  for (size_t i = 0; i < list.lengths.size(); ++i) {
    const int64_t width = args.outputs[i], length = list.lengths[i];
    call.expect(rows == 0 || width <= length / rows, name,
                "number " + std::to_string(i) + " of at least " + std::to_string(rows) + " x " + std::to_string(width),
                length);
  }
}

}  // namespace

SCMOE_EXPORT(mergedLinearForward) {
  call.expect(args.numBiases == 0 || args.numBiases == args.count, "numBiases", "as many as layers, or none",
              args.numBiases);
  expectRows(call, "weights", args, args.dIn, args.weights);
  expectRows(call, "biases", args, 1, args.biases);
  expectRows(call, "y", args, args.rows, args.y);
  std::vector<MergedLayer> layers;
  for (int64_t i = 0; i < args.count; ++i)
    layers.push_back(
        {args.outputs[i], args.weights.data[i], args.numBiases ? args.biases.data[i] : nullptr, args.y.data[i]});
  mergedLinearForward(args.rows, args.dIn, args.x, layers);
  return nullptr;
}

SCMOE_EXPORT(mergedLinearBackward) {
  expectRows(call, "weights", args, args.dIn, args.weights);
  expectRows(call, "dy", args, args.rows, args.dy);
  expectRows(call, "dBiases", args, 1, args.dBiases);
  std::vector<MergedLayerGradient> layers;
  for (int64_t i = 0; i < args.count; ++i)
    layers.push_back(
        {args.outputs[i], args.dy.data[i], args.weights.data[i], args.dWeights.data[i], args.dBiases.data[i]});
  mergedLinearBackward(args.rows, args.dIn, args.x, layers, args.dx);
  return nullptr;
}

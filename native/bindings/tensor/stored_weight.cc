#include "cpu/stored_weight.h"

#include <string>

#include "cpu/stored_layers.h"
#include "signatures/tensor/stored_weight.h"

using namespace scmoe;

namespace {

void expectBlocks(const Call& call, const char* name, int64_t blocks, int64_t rows) {
  call.expect(blocks == scaleBlocks(rows), name,
              std::to_string(scaleBlocks(rows)) + ", one for 32 of " + std::to_string(rows) + " rows", blocks);
}

/// Scales are there for int8 and for nothing else.
template <typename Array, typename Scales>
StoredWeight storedWeight(const Call& call, const char* name, const Array& weight, const Scales* scales) {
  const bool isInt8 = weight.type == napi_uint8_array;
  if (isInt8 != (scales != nullptr))
    call.reject(name, isInt8 ? "a Float32Array for int8" : "none but for int8", scales ? "a Float32Array" : "none");
  const auto format = isInt8                              ? WeightFormat::kInt8
                      : weight.type == napi_float32_array ? WeightFormat::kFloat32
                                                          : WeightFormat::kBf16;
  return {format, weight.data, scales};
}

template <typename Arguments>
ExpertRows expertRows(const Call& call, const Arguments& args) {
  expectBlocks(call, "blocksIn", args.blocksIn, args.d);
  expectBlocks(call, "blocksHidden", args.blocksHidden, args.f);
  return {args.numExperts, args.rows, args.d, args.f, args.capacity, args.counts};
}

}  // namespace

SCMOE_EXPORT(storeWeight) {
  expectBlocks(call, "blocks", args.blocks, args.dIn);
  const StoredWeight weight = storedWeight(call, "scales", args.weight, args.scales);
  return toJs(call.env(),
              storeWeight(args.count, args.dIn, args.dOut, args.from, weight.format, args.weight.data, args.scales));
}

SCMOE_EXPORT(expandWeight) {
  expectBlocks(call, "blocks", args.blocks, args.dIn);
  expandWeight(args.count, args.dIn, args.dOut, storedWeight(call, "scales", args.weight, args.scales), args.to);
  return nullptr;
}

SCMOE_EXPORT(storedLinear) {
  expectBlocks(call, "blocks", args.blocks, args.dIn);
  storedLinear(args.rows, args.dIn, args.dOut, args.x, storedWeight(call, "scales", args.weight, args.scales),
               args.bias, args.activation, args.float32, args.y);
  return nullptr;
}

SCMOE_EXPORT(storedGroupedFfn) {
  storedGroupedFfn(expertRows(call, args), args.x, storedWeight(call, "w1Scales", args.w1, args.w1Scales), args.b1,
                   storedWeight(call, "w2Scales", args.w2, args.w2Scales), args.b2, args.activation, args.y);
  return nullptr;
}

SCMOE_EXPORT(storedGroupedSwiglu) {
  storedGroupedSwiglu(expertRows(call, args), args.x, storedWeight(call, "gateScales", args.gate, args.gateScales),
                      storedWeight(call, "upScales", args.up, args.upScales),
                      storedWeight(call, "downScales", args.down, args.downScales), args.y);
  return nullptr;
}

#include "cpu/convolution.h"

#include "cpu/batch_norm.h"
#include "cpu/depthwise.h"
#include "cpu/pooling.h"
#include "signatures/tensor/convolution.h"

using namespace scmoe;

namespace {

template <typename Arguments>
Window windowOf(const Arguments& args) {
  return {args.batch,          args.inHeight,      args.inWidth,     args.channels,     args.outHeight,
          args.outWidth,       args.filterHeight,  args.filterWidth, args.strideHeight, args.strideWidth,
          args.dilationHeight, args.dilationWidth, args.top,         args.left};
}

template <typename Arguments>
Window volumeOf(const Arguments& args) {
  Window window = windowOf(args);
  window.inDepth = args.inDepth;
  window.outDepth = args.outDepth;
  window.filterDepth = args.filterDepth;
  window.strideDepth = args.strideDepth;
  window.dilationDepth = args.dilationDepth;
  window.front = args.front;
  return window;
}

template <typename Arguments>
Epilogue epilogueOf(const Arguments& args) {
  return {args.bias, args.clamps, static_cast<float>(args.least), static_cast<float>(args.greatest)};
}

}  // namespace

SCMOE_EXPORT(convolutionForward) {
  convolutionForward(windowOf(args), args.outChannels, args.x, args.filter, epilogueOf(args), args.y);
  return nullptr;
}

SCMOE_EXPORT(convolutionBackwardFilter) {
  convolutionBackwardFilter(windowOf(args), args.outChannels, args.x, args.dy, args.dFilter);
  return nullptr;
}

SCMOE_EXPORT(convolutionBackwardInput) {
  convolutionBackwardInput(windowOf(args), args.outChannels, args.dy, args.filter, args.dx);
  return nullptr;
}

SCMOE_EXPORT(depthwiseForward) {
  depthwiseForward(windowOf(args), args.multiplier, args.x, args.filter, epilogueOf(args), args.y);
  return nullptr;
}

SCMOE_EXPORT(depthwiseBackwardFilter) {
  depthwiseBackwardFilter(windowOf(args), args.multiplier, args.x, args.dy, args.dFilter);
  return nullptr;
}

SCMOE_EXPORT(depthwiseBackwardInput) {
  depthwiseBackwardInput(windowOf(args), args.multiplier, args.dy, args.filter, args.dx);
  return nullptr;
}

SCMOE_EXPORT(maxPool) {
  maxPool(windowOf(args), args.x, args.y);
  return nullptr;
}

SCMOE_EXPORT(maxPoolBackward) {
  maxPoolBackward(windowOf(args), false, args.x, args.dy, args.dx);
  return nullptr;
}

SCMOE_EXPORT(averagePool) {
  averagePool(windowOf(args), args.x, args.y);
  return nullptr;
}

SCMOE_EXPORT(averagePoolBackward) {
  averagePoolBackward(windowOf(args), args.dy, args.dx);
  return nullptr;
}

SCMOE_EXPORT(batchNorm) {
  batchNorm(args.rows, args.channels, static_cast<float>(args.epsilon), args.x, args.mean, args.variance, args.scale,
            args.offset, args.y);
  return nullptr;
}

SCMOE_EXPORT(convolution3dForward) {
  convolutionForward(volumeOf(args), args.outChannels, args.x, args.filter, Epilogue{nullptr, false, 0.0f, 0.0f},
                     args.y);
  return nullptr;
}

SCMOE_EXPORT(convolution3dBackwardFilter) {
  convolutionBackwardFilter(volumeOf(args), args.outChannels, args.x, args.dy, args.dFilter);
  return nullptr;
}

SCMOE_EXPORT(convolution3dBackwardInput) {
  convolutionBackwardInput(volumeOf(args), args.outChannels, args.dy, args.filter, args.dx);
  return nullptr;
}

SCMOE_EXPORT(maxPool3d) {
  maxPool(volumeOf(args), args.x, args.y);
  return nullptr;
}

SCMOE_EXPORT(maxPool3dBackward) {
  maxPoolBackward(volumeOf(args), true, args.x, args.dy, args.dx);
  return nullptr;
}

SCMOE_EXPORT(averagePool3d) {
  averagePool(volumeOf(args), args.x, args.y);
  return nullptr;
}

SCMOE_EXPORT(averagePool3dBackward) {
  averagePoolBackward(volumeOf(args), args.dy, args.dx);
  return nullptr;
}

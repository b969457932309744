#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

#include "tensorflow/xla_ffi.h"

// What is used of TensorFlow's C API, written down here: no header is needed to build, and one binary serves every
// version from kOldest on. Names are those of the API without TF_ and TFE_; types are opaque, enums are int.

struct TF_Buffer;
struct TF_DeviceList;
struct TF_Function;
struct TF_Graph;
struct TF_Operation;
struct TF_OperationDescription;
struct TF_Status;
struct TF_Tensor;
struct TFE_Context;
struct TFE_ContextOptions;
struct TFE_Op;
struct TFE_TensorHandle;

/// An output of an operation in a graph. Passed by value, as TensorFlow declares it.
struct TF_Output {
  TF_Operation* oper;
  int index;
};

namespace scmoe::tensorflow {

using Deallocator = void (*)(void* data, size_t bytes, void* argument);

/// TensorFlow's functions, from libraries that are opened at run time.
struct Api {
  std::string version;

  const char* (*Version)();

  TF_Status* (*NewStatus)();
  void (*DeleteStatus)(TF_Status*);
  int (*GetCode)(const TF_Status*);
  const char* (*Message)(const TF_Status*);

  TF_Tensor* (*AllocateTensor)(int dtype, const int64_t* dims, int rank, size_t bytes);
  void (*DeleteTensor)(TF_Tensor*);
  size_t (*TensorByteSize)(const TF_Tensor*);
  void* (*TensorData)(const TF_Tensor*);
  size_t (*DataTypeSize)(int dtype);

  TFE_ContextOptions* (*NewContextOptions)();
  void (*DeleteContextOptions)(TFE_ContextOptions*);
  void (*ContextOptionsSetConfig)(TFE_ContextOptions*, const void* proto, size_t bytes, TF_Status*);
  TFE_Context* (*NewContext)(const TFE_ContextOptions*, TF_Status*);
  void (*DeleteContext)(TFE_Context*);
  TF_DeviceList* (*ContextListDevices)(TFE_Context*, TF_Status*);
  void (*ContextAddFunction)(TFE_Context*, TF_Function*, TF_Status*);
  void (*ContextRemoveFunction)(TFE_Context*, const char* name, TF_Status*);
  void (*DeleteDeviceList)(TF_DeviceList*);
  int (*DeviceListCount)(const TF_DeviceList*);
  const char* (*DeviceListName)(const TF_DeviceList*, int index, TF_Status*);
  const char* (*DeviceListType)(const TF_DeviceList*, int index, TF_Status*);
  int64_t (*DeviceListMemoryBytes)(const TF_DeviceList*, int index, TF_Status*);

  TFE_TensorHandle* (*NewTensorHandle)(const TF_Tensor*, TF_Status*);
  TFE_TensorHandle* (*NewTensorHandleFromDeviceMemory)(TFE_Context*, const char* device, int dtype, const int64_t* dims,
                                                       int rank, void* data, size_t bytes, Deallocator, void* argument,
                                                       TF_Status*);
  void (*DeleteTensorHandle)(TFE_TensorHandle*);
  int (*TensorHandleDataType)(TFE_TensorHandle*);
  int (*TensorHandleNumDims)(TFE_TensorHandle*, TF_Status*);
  int64_t (*TensorHandleDim)(TFE_TensorHandle*, int index, TF_Status*);
  TF_Tensor* (*TensorHandleResolve)(TFE_TensorHandle*, TF_Status*);
  TFE_TensorHandle* (*TensorHandleCopyToDevice)(TFE_TensorHandle*, TFE_Context*, const char* device, TF_Status*);
  void* (*TensorHandleDevicePointer)(TFE_TensorHandle*, TF_Status*);

  TFE_Op* (*NewOp)(TFE_Context*, const char* operation, TF_Status*);
  void (*DeleteOp)(TFE_Op*);
  void (*OpSetDevice)(TFE_Op*, const char* device, TF_Status*);
  void (*OpAddInput)(TFE_Op*, TFE_TensorHandle*, TF_Status*);
  void (*OpAddInputList)(TFE_Op*, TFE_TensorHandle**, int count, TF_Status*);
  void (*OpSetAttrValueProto)(const TFE_Op*, const char* name, const void* proto, size_t bytes, TF_Status*);
  void (*Execute)(TFE_Op*, TFE_TensorHandle** outputs, int* count, TF_Status*);

  TF_Graph* (*NewGraph)();
  void (*DeleteGraph)(TF_Graph*);
  TF_OperationDescription* (*NewOperation)(TF_Graph*, const char* operation, const char* name);
  void (*AddInput)(TF_OperationDescription*, TF_Output);
  void (*AddInputList)(TF_OperationDescription*, const TF_Output*, int count);
  void (*AddControlInput)(TF_OperationDescription*, TF_Operation*);
  void (*SetAttrValueProto)(TF_OperationDescription*, const char* name, const void* proto, size_t bytes, TF_Status*);
  TF_Operation* (*FinishOperation)(TF_OperationDescription*, TF_Status*);
  int (*OperationNumOutputs)(TF_Operation*);
  int (*OperationOutputType)(TF_Output);
  int (*GraphGetTensorNumDims)(TF_Graph*, TF_Output, TF_Status*);
  void (*GraphGetTensorShape)(TF_Graph*, TF_Output, int64_t* dims, int rank, TF_Status*);
  void (*GraphSetTensorShape)(TF_Graph*, TF_Output, const int64_t* dims, int rank, TF_Status*);
  TF_Function* (*GraphToFunctionWithControlOutputs)(const TF_Graph*, const char* name, unsigned char appendHash,
                                                    int numOperations, const TF_Operation* const* operations,
                                                    int numInputs, const TF_Output* inputs, int numOutputs,
                                                    const TF_Output* outputs, const char* const* outputNames,
                                                    int numControls, const TF_Operation* const* controls,
                                                    const char* const* controlNames, const void* options,
                                                    const char* description, TF_Status*);
  void (*DeleteFunction)(TF_Function*);

  /// How programs that XLA compiles call functions from outside; nullptr where the library does not say. C++, so no
  /// promise.
  const xla::Api* ffi;

  /// Opens both libraries once a process; later calls give what the first has opened.
  ///
  /// @throws Error where one can't be opened, is too old, or lacks a function
  static const Api& open(const std::string& framework, const std::string& library);
};

}  // namespace scmoe::tensorflow

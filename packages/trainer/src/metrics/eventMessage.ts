import protobuf from 'protobufjs';

/**
 * The part of TensorFlow's event.proto, summary.proto, tensor.proto and session_log that scalars, histograms and restarts need.
 * Field numbers are TensorFlow's.
 */
const root = protobuf.Root.fromJSON({
  nested: {
    Event: {
      oneofs: { what: { oneof: ['fileVersion', 'summary', 'sessionLog'] } },
      fields: {
        wallTime: { type: 'double', id: 1 },
        step: { type: 'int64', id: 2 },
        fileVersion: { type: 'string', id: 3 },
        summary: { type: 'Summary', id: 5 },
        sessionLog: { type: 'SessionLog', id: 7 },
      },
    },
    SessionLog: { fields: { status: { type: 'int32', id: 1 } } },
    Summary: {
      fields: { value: { rule: 'repeated', type: 'Value', id: 1 } },
      nested: {
        Value: {
          oneofs: { value: { oneof: ['simpleValue', 'tensor'] } },
          fields: {
            tag: { type: 'string', id: 1 },
            simpleValue: { type: 'float', id: 2 },
            tensor: { type: 'TensorProto', id: 8 },
            metadata: { type: 'SummaryMetadata', id: 9 },
          },
        },
      },
    },
    SummaryMetadata: {
      fields: {
        pluginData: { type: 'PluginData', id: 1 },
        displayName: { type: 'string', id: 2 },
        summaryDescription: { type: 'string', id: 3 },
      },
      nested: { PluginData: { fields: { pluginName: { type: 'string', id: 1 }, content: { type: 'bytes', id: 2 } } } },
    },
    TensorProto: {
      fields: {
        dtype: { type: 'int32', id: 1 },
        tensorShape: { type: 'TensorShapeProto', id: 2 },
        doubleVal: { rule: 'repeated', type: 'double', id: 6, options: { packed: true } },
      },
    },
    TensorShapeProto: {
      fields: { dim: { rule: 'repeated', type: 'Dim', id: 2 } },
      nested: { Dim: { fields: { size: { type: 'int64', id: 1 } } } },
    },
  },
});

const message = root.lookupType('Event');

export interface SummaryValue {
  tag: string;
  simpleValue?: number;
  tensor?: { dtype: number; tensorShape: { dim: { size: number }[] }; doubleVal: number[] };
  metadata?: { pluginData?: { pluginName: string }; summaryDescription?: string };
}

export interface EventMessage {
  /** Seconds since 1970. */
  wallTime: number;
  step?: number;
  fileVersion?: string;
  summary?: { value: SummaryValue[] };
  sessionLog?: { status: number };
}

export function encodeEvent(event: EventMessage): Uint8Array {
  return message.encode(message.create(event)).finish();
}

export function decodeEvent(bytes: Uint8Array): EventMessage {
  return message.toObject(message.decode(bytes), { longs: Number }) as EventMessage;
}

/** Where the stand-in answers otherwise, and why it may: scene, question, reason. One that agrees after all fails the test. */
export const KNOWN: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  schema: {
    'count written 1e400': 'JavaScript reads it as Infinity',
    'count written 9223372036854775808': 'a float of Go beyond int64 is printed with an exponent',
  },
  metadata: { 'another version': 'warns besides of fields that the version does not have' },
  requests: {
    'YAML that is none': 'another parser has other words',
    'get, accept "application/yaml"': 'answers are JSON',
    'list, accept "application/yaml"': 'answers are JSON',
    'get, accept "application/vnd.kubernetes.protobuf"': 'refusals are JSON',
    'list, accept "application/vnd.kubernetes.protobuf"': 'refusals are JSON',
  },
  patches: { 'JSON patch: another version': 'warns besides of fields that the version does not have' },
  'definition-faults': {
    'spec: a pattern that is none': 'JavaScript says it in other words',
    'spec: a rule that is no CEL': 'another CEL compiler has other words',
    'spec: a rule about a field that is not there': 'another CEL compiler has other words',
    'spec: a rule that compares a text with a number': 'another CEL compiler has other words',
    'spec: a messageExpression that is no CEL': 'another CEL compiler has other words',
  },
  apply: {
    'a generated name': 'the real server lets an apply add a generateName to an object that is there',
  },
};

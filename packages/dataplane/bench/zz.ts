import { measureBigSet } from './big-set.ts';
import { measurePackets } from './packets.ts';
const emit = (f: any) => console.log(f.case, '|', f.name, '|', f.value.toFixed(2), f.unit, f.peer ? `| ${f.peer} ${f.peerValue.toFixed(2)} ratio ${(f.value/f.peerValue).toFixed(3)}` : '');
await measureBigSet(emit, true);
await measurePackets(emit, true);

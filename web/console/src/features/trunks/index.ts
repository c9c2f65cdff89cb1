export { CallBy } from './call-by';
export { choices, saysCaller } from './form';
export { Light, Trunks } from './trunks';

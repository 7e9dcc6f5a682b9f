// The server makes this module of the vocabulary in force.

type Words = { en: string; 'zh-CN': string } & Record<string, string>;
type Category = { label: Words; fields: Record<string, Words> };

export const TERMS: {
  purposes: Record<string, Words>;
  categories: Record<string, Category>;
};
